package NegTest::KDC;

# A real MIT KDC in a directory of its own: databases, configuration, log.
# Nothing of the machine's own Kerberos setup is read or written.

use strict;
use warnings;

use File::Path 'make_path';
use IO::Socket::INET;
use NegTest::Ports 'free_port';
use NegTest::Process qw(run run_ok wait_until);

use constant {
    REALM           => 'EXAMPLE.TEST',
    MASTER_PASSWORD => 'master',
    START_SECONDS   => 20,
};

# Where distributions keep the administrator's programs; an ordinary user's
# PATH does not have them.
my @PROGRAM_DIRS = (split(/:/, $ENV{PATH} || ''), qw(/usr/sbin /usr/local/sbin /sbin));

sub start {
    my ($class, %opt) = @_;
    my $self = bless {
        dir    => $opt{dir},
        realms => $opt{realms} || [REALM],
        kdcdefaults => $opt{kdcdefaults} || {},
        realm_settings => $opt{realm_settings} || {},
        port   => free_port(),
    }, $class;
    make_path("$self->{dir}/ccache");
    chmod 0700, "$self->{dir}/ccache";
    chmod 0711, $self->{dir};    # httpd's user reads krb5.conf
    $self->write_krb5_conf($self->krb5_conf, %{ $opt{libdefaults} || {} });
    $self->_write_kdc_conf;
    $self->_create_database($_) for @{ $self->{realms} };
    $self->_trust_each_other;
    $self->_start_daemon;
    $self->_save;
    return $self;
}

# Another process (a test) uses the same KDC; whoever started it stops it.
sub attach {
    my ($class, $dir) = @_;
    my $saved = do "$dir/attach.pl" or die "no KDC in $dir: ", $@ || $!, "\n";
    return bless { %$saved, dir => $dir }, $class;
}

sub stop { my ($self) = @_; $self->{daemon}->stop if $self->{daemon}; return }

sub dir       { $_[0]{dir} }
sub port      { $_[0]{port} }
sub address   { "127.0.0.1:$_[0]{port}" }
sub realm     { $_[0]{realms}[0] }
sub realms    { @{ $_[0]{realms} } }
sub krb5_conf { "$_[0]{dir}/krb5.conf" }

# The environment of a Kerberos client of this KDC.
sub env {
    my ($self) = @_;
    return (KRB5_CONFIG => $self->krb5_conf, KRB5_KDC_PROFILE => "$self->{dir}/kdc.conf");
}

sub log_text {
    my ($self) = @_;
    open my $in, '<', "$self->{dir}/kdc.log" or return '';
    local $/;
    return scalar <$in>;
}

# --- principals and keytabs --------------------------------------------------

sub add_principal {
    my ($self, $name, %opt) = @_;
    my @args = ('add_principal', _policy_args(%opt));
    push @args, defined $opt{password} ? ('-pw', $opt{password}) : '-randkey';
    push @args, ('-e', $opt{enctypes}) if $opt{enctypes};
    return $self->kadmin(_realm_of($name), @args, $name);
}

sub modify_principal {
    my ($self, $name, %opt) = @_;
    return $self->kadmin(_realm_of($name), 'modify_principal', _policy_args(%opt), $name);
}

sub delete_principal {
    my ($self, $name) = @_;
    return $self->kadmin(_realm_of($name), 'delete_principal', '-force', $name);
}

# New key, next kvno. keepold leaves the former keys valid in the KDC.
sub change_key {
    my ($self, $name, %opt) = @_;
    my @args = ('change_password');
    push @args, '-keepold' if $opt{keepold};
    push @args, ('-e', $opt{enctypes}) if $opt{enctypes};
    push @args, defined $opt{password} ? ('-pw', $opt{password}) : '-randkey';
    return $self->kadmin(_realm_of($name), @args, $name);
}

sub get_principal {
    my ($self, $name) = @_;
    return $self->kadmin(_realm_of($name), 'get_principal', $name);
}

# Appends to the file, as kadmin does. The keys stay as they are unless
# change_key is asked for.
sub add_to_keytab {
    my ($self, $file, $principals, %opt) = @_;
    my @names = ref $principals ? @$principals : $principals;
    my @args  = ('ktadd', '-q', '-k', "FILE:$file");
    push @args, '-norandkey' if !$opt{change_key};
    push @args, ('-e', $opt{enctypes}) if $opt{enctypes};
    $self->kadmin(_realm_of($_), @args, $_) for @names;
    return $file;
}

sub kadmin {
    my ($self, $realm, @command) = @_;
    $realm = $self->realm if !defined $realm;
    my $output =
      run_ok([ _program('kadmin.local'), '-r', $realm, @command ], env => { $self->env });
    # ktadd reports an unknown principal, yet ends with success
    die "kadmin.local @command failed:\n$output"
      if $output =~ /\b(?:does not exist|not found|while)\b/;
    return $output;
}

sub _policy_args {
    my (%opt) = @_;
    my @args;
    push @args, ('-maxlife',      $opt{max_life})       if defined $opt{max_life};
    push @args, ('-maxrenewlife', $opt{max_renew_life}) if defined $opt{max_renew_life};
    push @args, ('-expire',       $opt{expire})         if defined $opt{expire};
    # attributes as kadmin names them: allow_forwardable => 0 is -allow_forwardable
    my %attributes = %{ $opt{attributes} || {} };
    push @args, ($attributes{$_} ? '+' : '-') . $_ for sort keys %attributes;
    return @args;
}

sub _realm_of { my ($name) = @_; return $name =~ /(?<!\\)\@([^\@]+)\z/ ? $1 : undef }

# --- tickets -----------------------------------------------------------------

# Gets a ticket into a new or named credential cache; returns the cache's name.
sub kinit {
    my ($self, $principal, %opt) = @_;
    my $ccache = $opt{ccache} || $self->new_ccache;
    my @args = ('-c', $ccache);
    push @args, '-f' if $opt{forwardable};
    push @args, ('-l', $opt{lifetime})   if defined $opt{lifetime};
    push @args, ('-r', $opt{renewable})  if defined $opt{renewable};
    push @args, ('-s', $opt{start_time}) if defined $opt{start_time};
    push @args, ('-S', $opt{service})    if defined $opt{service};
    push @args, '-n' if $opt{anonymous};
    push @args, '-C' if $opt{canonicalize};
    push @args, '-E' if $opt{enterprise};
    push @args, ('-X', "X509_user_identity=$opt{identity}") if $opt{identity};
    push @args, ('-k', '-t', $opt{keytab}) if $opt{keytab};
    my $password = defined $opt{password} ? $opt{password} : $principal =~ s/\@.*//sr;
    run_ok(
        [ 'kinit', @args, $principal ],
        env     => { $self->env },
        input   => "$password\n",
        timeout => 30
    );
    return $ccache;
}

sub new_ccache {
    my ($self) = @_;
    $self->{ccaches}++;
    return "FILE:$self->{dir}/ccache/$$-$self->{ccaches}";
}

# Fetches a service ticket ahead of time, so that later steps need no KDC.
sub kvno {
    my ($self, $ccache, $service) = @_;
    return run_ok([ 'kvno', '-c', $ccache, $service ], env => { $self->env }, timeout => 30);
}

sub klist {
    my ($self, @args) = @_;
    return run_ok([ 'klist', @args ], env => { $self->env }, timeout => 30);
}

# --- configuration files -----------------------------------------------------

# Also for tests that need another view of the same KDC, for example a server
# with clockskew => 1. No DNS, no reverse lookups, no search domain appended.
sub write_krb5_conf {
    my ($self, $file, %libdefaults) = @_;
    my %settings = (
        default_realm                 => $self->realm,
        dns_lookup_kdc                => 'false',
        dns_lookup_realm              => 'false',
        dns_canonicalize_hostname     => 'false',
        qualify_shortname             => '""',
        rdns                          => 'false',
        udp_preference_limit          => 1,
        %libdefaults,
    );
    my @realms  = $self->realms;
    my $default = join '', map { "    $_ = $settings{$_}\n" } sort keys %settings;
    my $kdc     = 'kdc = ' . $self->address;
    my $realms  = join '', map { "    $_ = {\n        $kdc\n    }\n" } @realms;
    my $domains = join '', map { '    .' . lc($_) . " = $_\n" } @realms;
    _write_file($file, <<"END");
[libdefaults]
$default
[realms]
$realms
[domain_realm]
    localhost = $realms[0]
$domains
END
    chmod 0644, $file;
    return $file;
}

sub _write_kdc_conf {
    my ($self) = @_;
    my $dir    = $self->{dir};
    my $extra  = _relations('    ', $self->{kdcdefaults});
    my $more   = _relations('        ', $self->{realm_settings});
    my $realms = join '', map { <<"END" } $self->realms;
    $_ = {
        database_name = $dir/$_.db
        key_stash_file = $dir/$_.stash
        acl_file = $dir/kadm5.acl
        max_life = 1d
        max_renewable_life = 7d
        supported_enctypes = aes256-cts:normal aes128-cts:normal
$more    }
END
    _write_file("$dir/kadm5.acl", '');
    _write_file("$dir/kdc.conf", <<"END");
[kdcdefaults]
    kdc_listen = 127.0.0.1:$self->{port}
    kdc_tcp_listen = 127.0.0.1:$self->{port}
$extra
[realms]
$realms
[logging]
    kdc = FILE:$dir/kdc.log
    default = FILE:$dir/krb5.log
END
    return;
}

# A relation with several values is written several times.
sub _relations {
    my ($indent, $settings) = @_;
    return join '', map {
        my $name = $_;
        map { "$indent$name = $_\n" } ref $settings->{$name} ? @{ $settings->{$name} } : $settings->{$name}
    } sort keys %$settings;
}

# --- database and daemon -----------------------------------------------------

sub _create_database {
    my ($self, $realm) = @_;
    run_ok([ _program('kdb5_util'), '-r', $realm, '-P', MASTER_PASSWORD, 'create', '-s' ],
        env => { $self->env });
    return;
}

# A cross-realm key is the same password for the same name in both databases.
sub _trust_each_other {
    my ($self) = @_;
    my @realms = $self->realms;
    for my $client_realm (@realms) {
        for my $server_realm (grep { $_ ne $client_realm } @realms) {
            my $krbtgt = "krbtgt/$server_realm\@$client_realm";
            $self->kadmin($_, 'add_principal', '-pw', 'trust', $krbtgt)
              for $client_realm, $server_realm;
        }
    }
    return;
}

sub _start_daemon {
    my ($self) = @_;
    $self->{daemon} = NegTest::Process->start(
        [ _program('krb5kdc'), '-n', map { ('-r', $_) } $self->realms ],
        env    => { $self->env },
        output => "$self->{dir}/krb5kdc.out",
    );
    my $decided =
      sub { !$self->{daemon}->alive || IO::Socket::INET->new(PeerAddr => $self->address) };
    wait_until($decided, START_SECONDS) && $self->{daemon}->alive
      or die "krb5kdc did not start:\n", $self->{daemon}->output, $self->log_text;
    return;
}

sub _save {
    my ($self) = @_;
    my $realms = join ', ', map { "'$_'" } $self->realms;
    _write_file("$self->{dir}/attach.pl", "{ port => $self->{port}, realms => [$realms] }\n");
    return;
}

sub _program {
    my ($name) = @_;
    for my $dir (@PROGRAM_DIRS) {
        return "$dir/$name" if -x "$dir/$name";
    }
    die "$name is not installed; see tools/deps\n";
}

sub _write_file {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
    return;
}

1;

__END__

=head1 NAME

NegTest::KDC - a private MIT KDC

=head1 SYNOPSIS

    my $kdc = NegTest::KDC->start(dir => "$dir/kdc",
                                  realms => ['EXAMPLE.TEST', 'OTHER.TEST'],
                                  libdefaults => { ... },    # of its krb5.conf
                                  kdcdefaults => { ... },    # of its kdc.conf
                                  realm_settings => { pkinit_indicator => ['a', 'b'] });
    $kdc->add_principal('alice', password => 'alice');
    $kdc->add_principal('bob', password => 'bob', max_life => '5 minutes',
                        attributes => { allow_forwardable => 0 });
    $kdc->add_principal('HTTP/localhost');               # random key
    $kdc->add_principal('HTTP/old', enctypes => 'aes128-cts:normal');
    $kdc->change_key('HTTP/localhost', keepold => 1);    # kvno + 1
    $kdc->add_to_keytab($file, ['HTTP/localhost']);      # as it is (-norandkey)
    $kdc->kadmin($realm_or_undef, 'modify_principal', ...);

    my $ccache = $kdc->kinit('alice', forwardable => 1, lifetime => '10s',
                             renewable => '1h', ccache => 'FILE:/x',
                             identity => "FILE:$crt,$key");    # PKINIT
    # The password is the principal's name without the realm unless given.
    $kdc->kvno($ccache, 'HTTP/localhost');
    $kdc->klist('-c', $ccache);

    $kdc->realm; $kdc->port; $kdc->krb5_conf; my %env = $kdc->env;
    $kdc->write_krb5_conf($other_file, clockskew => 1);
    my $same = NegTest::KDC->attach($dir);               # in another process

Several realms trust each other in both directions. A host name under
F<.other.test> belongs to OTHER.TEST, C<localhost> to the first realm.

=cut
