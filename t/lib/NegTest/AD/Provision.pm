package NegTest::AD::Provision;

# A provisioned directory of Samba's. It is made once for each version of Samba
# and each recipe, and kept as an archive outside the tree: to make one takes
# ten seconds and more, to unpack one less than half.

use strict;
use warnings;

use Digest::SHA 'sha256_hex';
use Exporter 'import';
use Fcntl qw(:flock :mode);
use File::Path qw(make_path remove_tree);
use NegTest::Process 'run_ok';

our @EXPORT_OK = qw(unpack_directory);

use constant {
    CACHE   => '/var/cache/mod_auth_negotiate-test',
    ADDRESS => '127.0.0.2',
    SECONDS => 300,
};

# What Kerberos and LDAP need: no DNS, no RPC, no file server.
my @PROVISION = (
    qw(--server-role=dc --dns-backend=NONE --host-name=dc1 --adminpass=Admin-Pass1 --use-rfc2307),
    '--host-ip=' . ADDRESS,
    '--option=interfaces=' . ADDRESS . '/8',
    '--option=bind interfaces only=yes',
    '--option=disable netbios=yes',
    '--option=server services=ldap, cldap, kdc',
);
my %PLACE = (    # Samba's own would be the machine's
    'posix:eadb'                 => 'private/eadb.tdb',
    'pid directory'              => 'run',
    'ncalrpc dir'                => 'run/ncalrpc',
    'winbindd socket directory'  => 'run/winbindd',
    'ntp signd socket directory' => 'run/ntp',
    'log file'                   => 'samba.log',
);

# Gives the directory's smb.conf. A new one is passed to $fill, whose work is
# kept with it; $recipe is text that changes when $fill does.
sub unpack_directory {
    my (%opt) = @_;
    my ($dir, $address) = @opt{qw(dir address)};
    make_path($dir, { mode => 0700 });
    run_ok([ qw(tar --extract --gzip --same-owner --file), _archive(%opt), "--directory=$dir" ]);
    my $smb_conf = "$dir/etc/smb.conf";
    my $text     = _read($smb_conf);
    $text =~ s/\@dir\@/$dir/g;
    $text =~ s{^(\s*interfaces = ).*$}{$1$address/8}m;
    _write($smb_conf, $text);
    make_path("$dir/run");
    return $smb_conf;
}

# Several test programs may begin at once: one makes it, the others wait.
sub _archive {
    my (%opt) = @_;
    my $cache   = _private_directory();
    my $version = run_ok([ 'samba', '--version' ]);
    my @recipe  = ($opt{realm}, @PROVISION, map({ $_ => $PLACE{$_} } sort keys %PLACE), $opt{recipe});
    my $archive = "$cache/ad-" . substr(sha256_hex(join "\0", $version, @recipe), 0, 16) . '.tar.gz';
    open my $lock, '>', "$cache/lock" or die "$cache/lock: $!\n";
    flock $lock, LOCK_EX or die "$cache/lock: $!\n";
    _make($archive, %opt) if !-e $archive;
    return $archive;
}

# It holds keys, and what is unpacked from it root runs with: nobody else's hand
# may have been in it.
sub _private_directory {
    mkdir CACHE, 0700;
    my @stat = lstat CACHE or die CACHE, ": $!\n";
    die CACHE, " is not root's own directory, of mode 0700: remove it\n"
      if !S_ISDIR($stat[2]) || $stat[4] != 0 || $stat[2] & 077;
    return CACHE;
}

sub _make {
    my ($archive, %opt) = @_;
    my $dir = "$archive.new";
    remove_tree($dir);
    make_path("$dir/run", { mode => 0700 });
    _write("$dir/empty.conf", '');
    run_ok(
        [
            qw(samba-tool domain provision), "--configfile=$dir/empty.conf", "--targetdir=$dir",
            "--realm=$opt{realm}", '--domain=' . $opt{realm} =~ s/\..*//r, @PROVISION,
            map { "--option=$_=$dir/$PLACE{$_}" } sort keys %PLACE
        ],
        timeout => SECONDS
    );
    $opt{fill}->($dir, "$dir/etc/smb.conf");
    _write("$dir/etc/smb.conf", _read("$dir/etc/smb.conf") =~ s/\Q$dir\E/\@dir\@/gr);
    run_ok([ qw(tar --create --gzip --file), "$archive.part", "--directory=$dir", '.' ]);
    rename "$archive.part", $archive or die "$archive: $!\n";
    remove_tree($dir);
    return;
}

sub _read {
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

sub _write {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    return;
}

1;

__END__

=head1 NAME

NegTest::AD::Provision - a new Active Directory, quickly

=head1 SYNOPSIS

    my $smb_conf = NegTest::AD::Provision::unpack_directory(
        dir => $dir, address => '127.1.2.3', realm => 'AD.EXAMPLE.TEST',
        fill => sub { my ($dir, $smb_conf) = @_; ... }, recipe => $text);

The archives are in F</var/cache/mod_auth_negotiate-test>, which is root's alone
and may be removed at any time.

=cut
