package NegTest::Stage;

# A private directory for one run: everything that httpd or a client reads or
# writes lies here, so that the tree may lie where httpd's user cannot go, and
# two runs never meet. Removed at the end, unless told to keep it.

use strict;
use warnings;

use File::Path qw(make_path remove_tree);
use File::Temp 'tempdir';
use NegTest::Httpd 'httpd_user';
use NegTest::Process 'run_ok';
use POSIX '_exit';

# httpd's user may pass through the directory, but list none but its own.
my %MODE_OF = (
    htdocs   => 0755,
    'cgi-bin' => 0755,
    tls      => 0755,
    logs     => 0755,
    home     => 0700,    # clients' HOME: nobody's .curlrc is read
);
my @OF_HTTPD = qw(keytab rcache delegated);    # 0700, its own

sub make {
    my ($class, $what) = @_;
    my $dir  = _reachable_directory($what);
    my $self = bless { dir => $dir, owner => $$ }, $class;
    for my $name (keys %MODE_OF) {
        make_path("$dir/$name");
        chmod $MODE_OF{$name}, "$dir/$name";
    }
    for my $name (@OF_HTTPD) {
        make_path("$dir/$name");
        $self->give_to_httpd("$dir/$name", 0700);
    }
    return $self;
}

sub dir { $_[0]{dir} }

# A file or directory that httpd's children own, and nobody else reads.
sub give_to_httpd {
    my ($self, $path, $mode) = @_;
    chmod $mode, $path or die "$path: $!\n";
    my ($user) = httpd_user() or return;
    my (undef, undef, $uid, $gid) = getpwnam $user;
    chown $uid, $gid, $path or die "$path: $!\n";
    return;
}

# A file that httpd's children may read, from anywhere, into the stage.
sub copy_in {
    my ($self, $from, $to) = @_;
    run_ok([ 'cp', '-RL', $from, "$self->{dir}/$to" ]);
    run_ok([ 'chmod', '-R', 'u+rwX,go+rX', "$self->{dir}/$to" ]);
    return;
}

sub keep { $_[0]{keep} = 1; return }

sub remove {
    my ($self) = @_;
    return if $self->{owner} != $$ || $self->{keep};
    chdir '/';
    remove_tree($self->{dir});
    return;
}

sub DESTROY { my ($self) = @_; local ($?, $!, $@); $self->remove }

# TMPDIR may be a person's own (0700), which httpd's user cannot enter.
sub _reachable_directory {
    my ($what) = @_;
    for my $parent (grep { defined && -d } $ENV{TMPDIR}, '/tmp', '/var/tmp') {
        my $dir = eval { tempdir("$what-XXXXXX", DIR => $parent) } or next;
        chmod 0711, $dir;
        return $dir if _enters($dir);
        rmdir $dir;
    }
    die "httpd's user ", scalar httpd_user(), " can enter neither TMPDIR nor /tmp nor /var/tmp\n";
}

sub _enters {
    my ($dir) = @_;
    my ($user) = httpd_user() or return 1;
    my (undef, undef, $uid, $gid) = getpwnam $user;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if (!$pid) {
        $) = "$gid $gid";
        $( = $gid;
        ($<, $>) = ($uid, $uid);
        _exit(-x "$dir/." ? 0 : 1);
    }
    waitpid $pid, 0;
    return $? == 0;
}

1;

__END__

=head1 NAME

NegTest::Stage - the private directory of one run

=head1 SYNOPSIS

    my $stage = NegTest::Stage->make('mod_auth_negotiate-test');
    $stage->dir;                       # keytab/ rcache/ delegated/ are httpd's own;
                                       # htdocs/ cgi-bin/ tls/ logs/ home/
    $stage->copy_in("$tree/t/htdocs/page.html", 'htdocs/page.html');
    $stage->give_to_httpd($file, 0600);
    $stage->keep;                      # leave it for the person to look at
    $stage->remove;                    # also when the object goes

=cut
